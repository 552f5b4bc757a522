"""What domains look like on the wire (contracts/robotomail.md, sections 3 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from mailboxes import dkim_keys, dns_records, domain_state
from mailboxes.dns_records import DnsRecord, DnsRecords
from mailboxes.models import DkimAlgorithm, DkimKey, Domain, DomainStatus

from .fields import NULLABLE_TEXT, Constant, Moment


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """A domain with its keys as they are told."""

    domain: Domain

    @property
    def keys(self) -> list[dict[str, object]]:
        signing = dkim_keys.signing(self.domain)
        return [_key_facts(key, signing) for key in dkim_keys.published(self.domain)]

    @property
    def rsa_key(self) -> DkimKey | None:
        """The one that signs, as far as one key can stand for all."""
        return next((key for key in dkim_keys.signing(self.domain) if key.algorithm == DkimAlgorithm.RSA), None)

    @property
    def public_key(self) -> str | None:
        return self.rsa_key.public_key if self.rsa_key else None

    @property
    def selector(self) -> str | None:
        return self.rsa_key.selector if self.rsa_key else None

    @property
    def has_drifted(self) -> bool:
        return domain_state.has_drifted(self.domain)


class RecordCheckSerializer(serializers.Serializer[Any]):
    """One record: what is wanted, what was found, and what is wrong with it in words."""

    record = serializers.ChoiceField(choices=["ownership", "mx", "sendMx", "spf", "dkim", "dmarc"])
    type = serializers.ChoiceField(choices=["MX", "TXT"])
    host = serializers.CharField()
    wanted = serializers.CharField()
    found = serializers.ListField(child=serializers.CharField(), help_text="The first of what stands there.")
    ok = serializers.BooleanField()
    known = serializers.BooleanField(help_text="False: no name server answered, which says nothing of the record.")
    problem = serializers.CharField(allow_null=True)


class DkimKeySerializer(serializers.Serializer[Any]):
    """A key whose record belongs into the DNS."""

    selector = serializers.CharField()
    algorithm = serializers.ChoiceField(choices=DkimAlgorithm.values)
    state = serializers.ChoiceField(
        choices=["waiting", "signing", "published"],
        help_text="waiting: signs once its record has stood for an hour. published: verifies mail that is on its way.",
    )


class DomainSerializer(serializers.Serializer[Any]):
    """A domain of the account's own. From `ownershipVerified` on the members are ours."""

    id = serializers.UUIDField(source="domain.pk")
    userId = serializers.CharField(source="domain.account_id")
    domain = serializers.CharField(source="domain.name", help_text="Lower case, international names as xn--…")
    status = serializers.ChoiceField(
        source="domain.status",
        choices=DomainStatus.values,
        help_text="DNS_VERIFIED: all records stand, but another account verified the domain first.",
    )
    mxVerified = serializers.BooleanField(source="domain.mx_verified")
    spfVerified = serializers.BooleanField(source="domain.spf_verified", help_text="SPF and MX of the return path.")
    dkimVerified = serializers.BooleanField(source="domain.dkim_verified")
    dmarcVerified = serializers.BooleanField(source="domain.dmarc_verified")
    dkimPublicKey = serializers.CharField(source="public_key", allow_null=True)
    dkimSelector = serializers.CharField(source="selector", allow_null=True)
    externalDomainId = Constant(None, schema=NULLABLE_TEXT)
    stalwartProvisioned = Constant(True, schema={"type": "boolean"}, help_text="Ready for mail once verified.")
    createdAt = Moment(source="domain.created_at")
    updatedAt = Moment(source="domain.updated_at")
    ownershipVerified = serializers.BooleanField(source="domain.is_ownership_verified")
    checks = RecordCheckSerializer(many=True, source="domain.checks", help_text="Of the last look at the DNS.")
    checkedAt = Moment(source="domain.checked_at", allow_null=True)
    verifiedAt = Moment(source="domain.verified_at", allow_null=True)
    drifted = serializers.BooleanField(source="has_drifted", help_text="Verified, but a record is wrong now.")
    frozenAt = Moment(source="domain.frozen_at", allow_null=True, help_text="Since when nothing is sent from it.")
    dkimKeys = DkimKeySerializer(many=True, source="keys")


class DnsRecordSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["TXT"])
    host = serializers.CharField()
    value = serializers.CharField()


class MxRecordSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["MX"])
    host = serializers.CharField()
    value = serializers.CharField()
    priority = serializers.IntegerField()


class DnsRecordsSerializer(serializers.Serializer[Any]):
    """What to publish. `ownership` is ours; it stands at the end of `dkim` too, the contract's one list of any records,
    so that a client that knows the contract only publishes all that is needed."""

    mx = MxRecordSerializer()
    sendMx = MxRecordSerializer()
    spf = DnsRecordSerializer()
    dkim = DnsRecordSerializer(many=True)
    dmarc = DnsRecordSerializer()
    ownership = DnsRecordSerializer()


class VerificationSerializer(serializers.Serializer[Any]):
    mx = serializers.BooleanField()
    spf = serializers.BooleanField()
    dkim = serializers.BooleanField()
    dmarc = serializers.BooleanField()
    ownership = serializers.BooleanField()
    allVerified = serializers.BooleanField(help_text="The domain is VERIFIED: mailboxes can be made on it.")


class DomainListSerializer(serializers.Serializer[Any]):
    domains = DomainSerializer(many=True)


class NewDomainSerializer(serializers.Serializer[Any]):
    domain = DomainSerializer()
    dnsRecords = DnsRecordsSerializer()
    zoneFile = serializers.CharField(help_text="The same records as a zone file, to be imported.")


class DomainVerificationSerializer(NewDomainSerializer):
    verification = VerificationSerializer()


def with_records(domain: Domain) -> dict[str, object]:
    """What the serializers of one domain are given."""
    records = dns_records.of(domain)
    return {"domain": DomainFacts(domain), "dnsRecords": _keyed(records), "zoneFile": dns_records.zone(records)}


def verification(domain: Domain) -> dict[str, bool]:
    """How far a domain has come."""
    return {
        "mx": domain.mx_verified,
        "spf": domain.spf_verified,
        "dkim": domain.dkim_verified,
        "dmarc": domain.dmarc_verified,
        "ownership": domain.is_ownership_verified,
        "allVerified": domain.status == DomainStatus.VERIFIED,
    }


def _keyed(records: DnsRecords) -> dict[str, DnsRecord | list[DnsRecord] | None]:
    ownership = [records.ownership] if records.ownership else []
    return {
        "mx": records.mx,
        "sendMx": records.send_mx,
        "spf": records.spf,
        "dkim": [*records.dkim, *ownership],
        "dmarc": records.dmarc,
        "ownership": records.ownership,
    }


def _key_facts(key: DkimKey, signing: Sequence[DkimKey]) -> dict[str, object]:
    state = "waiting" if key.activated_at is None else "signing" if key in signing else "published"
    return {"selector": key.selector, "algorithm": key.algorithm, "state": state}
