"""What other processes say: what they hold, edits and presence of topics that are open here, questions.

A process that said something without being known to hold the topic is asked for its list; a jump in its numbers makes
the listener read the log. What this process owes an answer to is left with ``Notices`` and the topics; nothing is sent
from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from collab.bus.census import Census
from collab.bus.envelope import Envelope, Kind, decode_holdings, decode_presence
from collab.bus.notices import Notices
from collab.bus.topic import Topic
from collab.errors import MalformedFrame
from collab.live.ports import Note


class Hearing:
    """Takes messages of other processes.

    Args:
        process: The id of this process.
        topics: What is open here, as ``Fanout`` keeps it.
        soil: Called with a topic about which something is to be sent.
    """

    def __init__(
        self,
        process: bytes,
        *,
        topics: Mapping[UUID, Topic],
        census: Census,
        notices: Notices,
        soil: Callable[[Topic], None],
    ) -> None:
        self._process = process
        self._topics = topics
        self._census = census
        self._notices = notices
        self._soil = soil

    def take(self, envelope: Envelope) -> None:
        """Take a message of a process that is counted in the census.

        Raises:
            CollabError: It cannot be understood.
        """
        process = envelope.process
        match envelope.kind:
            case Kind.UPDATE | Kind.READ_LOG | Kind.PRESENCE:
                self._pass_on(envelope)
            case Kind.NOTE:
                self.take_note(envelope)
            case Kind.GOODBYE:
                self.forget(process)
            case Kind.ASK:
                if envelope.payload == self._process:
                    self._notices.want_list()
            case _:
                self._take_holdings(envelope)
                if not self._census.is_current(process, envelope.counter):
                    self._notices.ask(process)

    def forget(self, process: bytes) -> None:
        """A process has ended: its people are gone from every topic."""
        for topic in self._census.forget(process):
            self._lost(topic, process)
        self._notices.forget(process)

    def take_note(self, envelope: Envelope) -> None:
        """Tell whoever listens to a topic what has happened to it.

        Raises:
            MalformedFrame: Nobody knows such a note.
        """
        state = self._topics.get(envelope.topic)
        if state is None:
            return
        try:
            note = Note(int.from_bytes(envelope.payload, "big"))
        except ValueError:
            raise MalformedFrame("an unknown note", offset=0) from None
        state.listener.noted(envelope.topic, note)

    def _take_holdings(self, envelope: Envelope) -> None:
        """What another process holds: all of it, a change, or only the number of the last change."""
        process, counter, topic = envelope.process, envelope.counter, envelope.topic
        if envelope.kind is Kind.HOLDINGS:
            wants_answer, topics = decode_holdings(envelope.payload)
            if wants_answer:
                self._notices.want_list()
            gained, lost = self._census.replace(process, counter, topics)
            for topic in gained:
                self._gained(topic)
            for topic in lost:
                self._lost(topic, process)
        elif envelope.kind is Kind.OPENED:
            if self._census.opened(process, counter, topic):
                self._gained(topic)
        elif envelope.kind is Kind.CLOSED and self._census.closed(process, counter, topic):
            self._lost(topic, process)

    def _gained(self, topic: UUID) -> None:
        """Another process opened a topic: tell it who is here, and to read the log once what is under way is in it."""
        state = self._topics.get(topic)
        if state is not None:
            state.presence_wanted = True
            state.skipped = True
            self._soil(state)

    def _lost(self, topic: UUID, process: bytes) -> None:
        state = self._topics.get(topic)
        if state is not None:
            state.heard.pop(process, None)
            state.listener.departed(topic, process)

    def _pass_on(self, envelope: Envelope) -> None:
        """Something about a topic."""
        state = self._topics.get(envelope.topic)
        if state is None:
            return
        process = envelope.process
        if process not in self._census.holders(envelope.topic):
            # It is not known to hold this: it must be told ours, and asked for its holdings.
            self._notices.ask(process)
        whole = state.follows(process, envelope.counter)
        if envelope.kind is Kind.UPDATE:
            state.listener.deliver(envelope.topic, envelope.payload)
        elif envelope.kind is Kind.PRESENCE:
            complete, payload = decode_presence(envelope.payload)
            state.listener.present(envelope.topic, process, payload, complete=complete)
        if not whole or envelope.kind is Kind.READ_LOG:
            state.listener.missed(envelope.topic)
