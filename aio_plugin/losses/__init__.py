"""What training minimises: pure functions, each with a thin module where it has settings."""
