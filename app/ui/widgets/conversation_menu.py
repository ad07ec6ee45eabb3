"""The menus of the list of conversations: every mouse action of the list is here too, and so at the keyboard."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu

from app.ui.language import tr
from app.ui.widgets.conversation_model import Entry

if TYPE_CHECKING:
    from app.ui.widgets.listing import ConversationList  # it makes these menus


def conversation_menu(listing: ConversationList, entry: Entry) -> QMenu:
    """Of one conversation."""
    menu, it = _menu(listing), entry.id
    menu.addAction(tr("Rename"), lambda: listing.rename(it)).setShortcut("F2")
    menu.addAction(tr("Unpin") if entry.pinned else tr("Pin"), lambda: listing.pinned.emit(it, not entry.pinned))
    _add_folders(menu, listing, entry)
    menu.addAction(tr("Export…"), lambda: listing.exported.emit(it))
    menu.addSeparator()
    menu.addAction(tr("Delete"), lambda: listing.deleted.emit(it)).setShortcut("Del")
    return menu


def folder_menu(listing: ConversationList, entry: Entry) -> QMenu:
    """Of one folder."""
    menu, it = _menu(listing), entry.id
    menu.addAction(tr("Rename"), lambda: listing.rename_folder(it)).setShortcut("F2")
    menu.addAction(tr("Delete folder, keep what is in it"), lambda: listing.folder_deleted.emit(it)).setShortcut("Del")
    return menu


def list_menu(listing: ConversationList) -> QMenu:
    """Of the list itself."""
    menu = _menu(listing)
    menu.addAction(tr("New folder"), listing.new_folder)
    menu.addAction(tr("Import…"), listing.import_wanted.emit)
    return menu


def _add_folders(menu: QMenu, listing: ConversationList, entry: Entry) -> None:
    move = menu.addMenu(tr("Move to folder"))
    for folder, title in listing.folder_choices():
        if folder != entry.folder_id:
            move.addAction(title.replace("&", "&&"), partial(listing.moved.emit, entry.id, folder))
    if entry.folder_id:
        move.addAction(tr("No folder"), lambda: listing.moved.emit(entry.id, ""))
    if not move.isEmpty():
        move.addSeparator()
    move.addAction(tr("New folder…"), lambda: listing.new_folder(entry.id))


def _menu(listing: ConversationList) -> QMenu:
    menu = QMenu(listing)
    menu.setObjectName("chat.conversation_menu")
    return menu
