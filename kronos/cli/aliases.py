"""Aliases of verbs, the same for every resource: names that users of other tools type."""

import copy
from typing import Final

import click

ALIASES: Final = {
    "ls": ("list",),
    "list": ("ls",),
    "get": ("show",),
    "create": ("new",),
    "edit": ("update",),
    "put": ("edit", "update", "set"),
    "set": ("edit", "update", "put"),
    "rm": ("delete", "remove"),
    "revoke": ("rm", "delete", "remove"),
}
"""Aliases by verb. An alias is added only where no other verb has that name. `edit` comes last among them, because
other verbs are named so."""


def add(group: click.Group) -> click.Group:
    """Return the group with aliases of its verbs. They work, but are not listed."""
    for verb, names in ALIASES.items():
        for name in names:
            if verb in group.commands and name not in group.commands:
                other = copy.copy(group.commands[verb])
                other.hidden = True
                group.add_command(other, name)
    return group
