"""What a tournament does from day to day: scores before they are final, boards, the scoring's
progress, calls to models when a round opens."""
