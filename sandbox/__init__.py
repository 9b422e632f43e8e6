"""A Mailchimp that runs on a laptop: the Marketing API, OAuth, webhooks and File Manager over real HTTP."""
