"""Mailchimp's Marketing API under `/3.0`, one file for each kind of resource."""
