"""Pages for people: translate a request, ask ``collab.access``, render a template."""
