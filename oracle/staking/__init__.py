"""Stakes through the server: what owners signed is passed on, what they must sign is prepared, and
what a round did to them is shown with its evidence."""
