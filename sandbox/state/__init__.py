"""What this Mailchimp knows, and the rules by which it changes. Pure: no network, no clock, no chance."""
