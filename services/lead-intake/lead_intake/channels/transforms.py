"""The named transforms that a channel file may apply to a value; each takes any decoded value and never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lead_intake.channels import plain_values, vendor_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRANSFORMS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": plain_values.text,
    "long_text": plain_values.long_text,
    "full_text": plain_values.full_text,
    "phones": plain_values.phones,
    "phones_in_text": vendor_shapes.phones_in_text,
    "slug": plain_values.slug,
    "first_action": plain_values.first_action,
    "stage": plain_values.stage,
    "identifier": plain_values.identifier,
    "flag": plain_values.flag,
    "filled": plain_values.filled,
    "integer": plain_values.integer,
    "seconds": plain_values.seconds,
    "milliseconds": plain_values.milliseconds,
    "minor_units": plain_values.minor_units,
    "yuan": plain_values.yuan,
    "moment": plain_values.moment,
    "mail_date": plain_values.mail_date,
    "joined_place": vendor_shapes.joined_place,
    "scene": vendor_shapes.scene,
    "name_value_pairs": vendor_shapes.name_value_pairs,
    "columns": vendor_shapes.columns,
    "bitable_fields": vendor_shapes.bitable_fields,
    "json_object": vendor_shapes.json_object,
    "answers": vendor_shapes.answers,
    "purposes": vendor_shapes.purposes,
    "click_ids": vendor_shapes.click_ids,
    "utm_campaign": vendor_shapes.of_query("utm_campaign"),
    "utm_content": vendor_shapes.of_query("utm_content"),
    "utm_term": vendor_shapes.of_query("utm_term"),
    "facebook_dummy": vendor_shapes.facebook_dummy,
}
"""What a channel file may name after `via`; a value of another kind than a transform reads becomes empty."""
