"""The shapes of the REST API: what is taken, checked strictly, and what is answered."""
