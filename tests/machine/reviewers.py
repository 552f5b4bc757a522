"""What people do with what waits for them, one by one and many at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from . import things
from .both import Both, Mail, choose
from .people import People, fits


class Reviewers:
    def __init__(self, both: Both, people: People) -> None:
        self._both, self._model, self._people, self._deciding = both, both.model, people, people.deciding
        self._in_sight: set[UUID] = set()

    def decide(self, verb: str, mail: int, aim: str, seen: str, by: str) -> None:
        """Nothing to decide on: an agent sends something."""
        if aim == "where it fits" and not any(fits(verb, one.promised) for one in self._both.mails):
            return self._people.give_cause()
        chosen = self._aim(verb, mail, aim)
        if chosen is None:
            return None
        review, real = self._review(chosen)
        by = self._prepared(verb, review, real, by) if aim == "where it fits" and mail % 4 else by
        version = review.version - (seen == "an old version")
        self._both.same(
            f"{by} says {verb} to {chosen}",
            lambda: getattr(self._model, verb)(review, version, by),
            lambda: getattr(self._deciding, verb)(real, version, by),
        )
        return None

    def edit(self, subject: str, to: list[str] | None, mail: int, aim: str, seen: str, by: str) -> None:
        chosen = self._aim("edit", mail, aim)
        if chosen:
            review, real = self._review(chosen)
            by = self._prepared("edit", review, real, by) if aim == "where it fits" and mail % 4 else by
            version, wanted = review.version - (seen == "an old version"), tuple(to) if to else None
            self._both.same(
                f"{by} edits {chosen}",
                lambda: self._model.edit(review, version, by, subject, wanted),
                lambda: self._deciding.edit(real, version, by, subject, wanted),
            )

    def claim_review(self, mail: int, aim: str, by: str) -> None:
        self._attend("claim_review", mail, aim, by)

    def let_go(self, mail: int, aim: str, by: str) -> None:
        self._attend("let_go", mail, aim, by)

    def snooze(self, hours: int | None, mail: int, aim: str, by: str) -> None:
        until = None if hours is None else self._model.now + timedelta(hours=hours)
        self._attend("snooze", mail, aim, by, until)

    def set_claims(self, claims: str) -> None:
        self._deciding.set_claims(claims)
        self._model.claims = claims

    def bulk_reject(self, mails: list[int], by: str, seen: str) -> None:
        """Of any that wait, each once."""
        chosen = {self._aim("reject", mail, "where it fits") for mail in mails}
        named = [(one, *self._review(one)) for one in chosen if one and not one.promised.box.is_deleted]
        versions = {real: review.version - (seen == "an old version") for _, review, real in named}
        if named and by != "vera":
            real = self._deciding.bulk_reject(list(versions.items()), by)
            items = [things.Item(review, versions[pk]) for _, review, pk in named]
            self._begin(things.Batch("reject", by, items), real.pk)

    def bulk_approve(self, mail: int, by: str, has_read: bool) -> None:
        """All that is like one of those that wait, as somebody sees it who has read it all, or nothing of it."""
        waiting = [one for one in self._both.mails if one.promised in self._model.awake()]
        waiting = [one for one in waiting if self._expires_later(one)]
        chosen = choose(waiting, mail)
        if chosen is None or by == "vera":
            return
        known = {self._both.review_of(one): one for one in waiting}
        group = self._deciding.group_of(self._both.review_of(chosen), by)
        assert set(group) <= set(known), "a group holds what does not wait, or is out of sight"
        if has_read:
            self._deciding.read(group, by)
            reviews = {pk: self._review(known[pk])[0] for pk in group}
            named = [(pk, review.version) for pk, review in reviews.items()]
            real = self._deciding.bulk_approve(self._both.review_of(chosen), named, by)
            decided = self._deciding.outcomes_of(real.pk)
            items = [things.Item(review, review.version, decided[pk]) for pk, review in reviews.items()]
            self._begin(things.Batch("approve", by, items), real.pk)

    def check_sight(self) -> None:
        """People find in the queue what waits for them, but for what somebody has put out of sight.

        Asked when that has changed, as `People.check_hidden` is.
        """
        awake = {id(message) for message in self._model.awake()}
        expected = {one.real.pk for one in self._both.mails if id(one.promised) in awake}
        if expected != self._in_sight:
            assert self._deciding.awake() == expected
            self._in_sight = expected

    def run_batches(self) -> None:
        """Who skips an item says why; that it has changed by now is found before anything else is looked at."""
        self._both.same("batches are run", self._model.run_batches, self._deciding.run_batches)
        for batch, real in self._both.batches:
            told = self._deciding.outcomes_of(real)
            for item in batch.items:
                pk = self._pk(item.review)
                is_same = told[pk] == item.outcome or (told[pk] == "changed" and item.outcome != "done")
                assert is_same, f"an item of a batch: the model says {item.outcome}, the product {told[pk]}"

    def tend(self, verb: str, which: int, by: str) -> None:
        """A person looks at what the machine has given up."""
        dead = [(mail, copy) for mail in self._both.mails for copy in mail.promised.copies if copy.is_dead]
        chosen = choose(dead, which)
        if chosen:
            mail, copy = chosen
            self._both.same(
                f"{by} says {verb} to {copy.address} of {mail}",
                lambda: getattr(self._model, verb)(mail.promised, copy, by),
                lambda: getattr(self._deciding, verb)(mail.real, copy.address, by),
            )

    def _begin(self, batch: things.Batch, real: UUID) -> None:
        self._model.batches.append(batch)
        self._both.batches.append((batch, real))

    def _pk(self, review: things.Review) -> UUID:
        mail = next(one for one in self._both.mails if one.promised is review.message)
        self._both.review_of(mail)
        return mail.reviews[review.number]

    def _attend(self, verb: str, mail: int, aim: str, by: str, *more: object) -> None:
        chosen = self._aim(verb, mail, aim)
        if chosen:
            review, real = self._review(chosen)
            self._both.same(
                f"{by}: {verb} {chosen} {more or ''}",
                lambda: getattr(self._model, verb)(review, by, *more),
                lambda: getattr(self._deciding, verb)(real, by, *more),
            )

    def _prepared(self, verb: str, review: things.Review, real: UUID, by: str) -> str:
        """Who decides where it fits: whoever's approval does not count yet, with the claim where one is needed."""
        if verb == "approve" and by in review.approved_by:
            by = next(one for one in ("rhea", "omar", "owner") if one not in review.approved_by)
        if self._model.claims == "required" and verb != "undo":
            claim: Callable[..., object] = self._model.claim_review
            self._both.same(
                f"{by} claims {review.message.subject}",
                lambda: claim(review, by),
                lambda: self._deciding.claim_review(real, by),
            )
        return by

    def _review(self, mail: Mail) -> tuple[things.Review, UUID]:
        assert mail.promised.review is not None
        return mail.promised.review, self._both.review_of(mail)

    def _aim(self, verb: str, mail: int, aim: str) -> Mail | None:
        return self._people.aim(verb, [one for one in self._both.mails if one.promised.review], mail, aim)

    def _expires_later(self, mail: Mail) -> bool:
        review = mail.promised.review
        return review is not None and review.expires_at > self._model.now
