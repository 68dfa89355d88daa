"""OAuth 2.0 and OpenID Connect: a well-kept library's rules behind one small adapter. No I/O."""
