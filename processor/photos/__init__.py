"""Photos, both ways: kept here for the platform, sent to Mailchimp's File Manager, brought back from it.

`keep` takes a picture in, `ask` says what is to be done, `work` does it: `send` carries one up, `bring` one
down, `look` lists what Mailchimp has. `read` tells how it stands, `link` lets a platform fetch what is here.
"""
