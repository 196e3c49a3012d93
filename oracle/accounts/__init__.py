"""Who uses the server: sign-in with Ethereum, sessions, API tokens with scopes, rates."""
