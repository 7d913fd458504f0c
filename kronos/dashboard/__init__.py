"""The dashboard: pages for people, rendered on the server by the operations that the API calls.

app.py         the routes of all pages
page.py        a route of a page, and its answers: the page, a redirect with a notice, an error page
rendering.py   templates and what they may say: links, times, numbers
forms.py       what a form sends, and what was wrong with it, field by field
static.py      scripts and styles, ours and those that npm brought
"""
