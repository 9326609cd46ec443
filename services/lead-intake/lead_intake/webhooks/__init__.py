"""The door for outside facts: what is let in, how it is answered.

A request is judged in this order, so that a sender of authentic but odd content learns what is wrong with it, and a
stranger learns nothing:

| what | answer | metric reason |
|---|---|---|
| no such channel, account or path; `GET` where the channel has no handshake | 404 | unknown |
| any other method | 405 | method |
| over the account's own rate | 429, `Retry-After` | rate |
| more than 64 headers, or 16 KB of them | 431 | headers |
| a deciding header or any query parameter twice, a query that does not decode | 401 | signature |
| a content encoding | 415 | encoding |
| a media type that the channel does not name | 415 | media_type |
| declared or real length over the channel's limit | 413 | too_large |
| no proof, whatever the verifier ran into; an account without usable secrets | 401 | signature |
| an address check that is not right | 403 | handshake |
| truncated or malformed, invalid UTF-8, NaN or infinite, a key twice, deeper than 32, over 2,000 keys, a lone | | |
| surrogate, an integer over 4,300 digits; XML with a DTD or entities; a form with a field twice | 422 | structure |
| more deliveries wait than are allowed, or the store is away | 503, `Retry-After` | unavailable |

Where proving needs the envelope opened first (微信, 企业微信, 钉钉, a token in the body), an envelope that cannot be
read is no proof (401), and structure is judged of what was in it. What is authentic but does not decrypt is stored and
answered with success: the mapping quarantines it. A refused delivery is never stored. The body of a refusal is the
channel's own where its vendor reads it (微信支付, 支付宝), otherwise empty.

A success answer is the channel's own; it is sent after the commit and never otherwise. A repetition gets the same
answer and is counted. Rates are bounded in each process for each account by itself; only proved deliveries use them up.
The host answers 400 to what is no HTTP, and to a head over 64 KB, before the door sees it.
"""
