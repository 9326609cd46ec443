"""From text to a model: the grammar and the tree it builds. What names mean is checked in `validation`."""

import re
from typing import Final

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from accesskit.language.model import (
    BadModel,
    Computed,
    Condition,
    Direct,
    Exclusion,
    Intersection,
    Model,
    ParameterType,
    Position,
    Relation,
    Restriction,
    Rewrite,
    Type,
    Union,
    Via,
)

TEXT_CHARS_MAX: Final = 256 * 1024
GROUP_DEPTH_MAX: Final = 16

_GRAMMAR: Final = r"""
start: _MODEL _SCHEMA VERSION type* condition*

type: _TYPE NAME [_RELATIONS relation+]
relation: _DEFINE NAME ":" _rewrite

_rewrite: _operand | union | intersection | exclusion
union: _operand ("or" _operand)+
intersection: _operand ("and" _operand)+
exclusion: _operand "but" "not" _operand
_operand: direct | computed | via | "(" _rewrite ")"
direct: "[" restriction ("," restriction)* "]"
computed: NAME
via: NAME "from" NAME
restriction: subject ["with" NAME]
subject: NAME -> plain
    | NAME _OF NAME -> userset
    | NAME ":" "*" -> wildcard

condition: _CONDITION NAME "(" [parameter ("," parameter)*] ")" BODY
parameter: NAME ":" kind
kind: NAME ["<" kind ">"]

_MODEL: /model(?![\w-])/
_SCHEMA: /schema(?![\w-])/
_TYPE: /type(?![\w-])/
_RELATIONS: /relations(?![\w-])/
_DEFINE: /define(?![\w-])/
_CONDITION: /condition(?![\w-])/
_OF: /\x23/
VERSION: /\d+\.\d+/
NAME: /[A-Za-z_][A-Za-z0-9_-]*/
BODY: /\{(?:[^{}"']|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\{(?:[^{}"']|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*\})*\}/
COMMENT: /(?<!\S)#[^\n]*/
%ignore COMMENT
%ignore /[ \t\r\n]+/
"""
_DEEP_KIND: Final = re.compile(r"(?:(?:list|map)\s*<\s*){4}")
_NO_BRACKETS: Final = re.compile(r"""(?<!\S)#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
_BRACKET: Final = re.compile(r"[()\[\]{}]")
_PARSER: Final = Lark(_GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def read_model(text: str) -> Model:
    """The model as written, names unchecked; raises `BadModel`."""
    if len(text) > TEXT_CHARS_MAX:
        raise BadModel(f"longer than {TEXT_CHARS_MAX} characters")
    _refuse_deep_groups(text)
    try:
        tree = _PARSER.parse(text)
    except UnexpectedInput as error:
        at = Position(max(error.line, 0), max(error.column, 0))
        raise BadModel("this cannot stand here", at) from None
    version, *definitions = tree.children
    if version != "1.1":
        raise BadModel("only schema 1.1 is known", _at(version))
    return Model(
        types=tuple(_type(d) for d in definitions if _tree(d).data == "type"),
        conditions=tuple(_condition(d) for d in definitions if _tree(d).data == "condition"),
    )


def _refuse_deep_groups(text: str) -> None:
    if _DEEP_KIND.search(text):
        raise BadModel("a parameter's type is nested too deeply")
    depth = 0
    for bracket in _BRACKET.finditer(_NO_BRACKETS.sub(_blank, text)):
        depth = max(0, depth + (1 if bracket[0] in "([{" else -1))
        if depth > GROUP_DEPTH_MAX:
            line = text.count("\n", 0, bracket.start()) + 1
            at = Position(line, bracket.start() - text.rfind("\n", 0, bracket.start()))
            raise BadModel(f"more than {GROUP_DEPTH_MAX} brackets are open", at)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _tree(node: object) -> Tree[Token]:
    if not isinstance(node, Tree):
        raise TypeError(type(node).__name__)
    return node


def _at(node: object) -> Position:
    if isinstance(node, Token):
        return Position(node.line or 0, node.column or 0)
    meta = _tree(node).meta
    return Position(meta.line, meta.column)


def _type(node: object) -> Type:
    name, *relations = _tree(node).children
    return Type(str(name), tuple(_relation(r) for r in relations if r is not None), _at(name))


def _relation(node: object) -> Relation:
    name, rewrite = _tree(node).children
    return Relation(str(name), _rewrite(rewrite), _at(name))


def _rewrite(node: object) -> Rewrite:
    children = _tree(node).children
    match _tree(node).data:
        case "direct":
            return Direct(tuple(_restriction(child) for child in children), _at(node))
        case "computed":
            return Computed(str(children[0]), _at(node))
        case "via":
            return Via(str(children[0]), str(children[1]), _at(node))
        case "union":
            return Union(tuple(_rewrite(child) for child in children))
        case "intersection":
            return Intersection(tuple(_rewrite(child) for child in children))
        case _:
            return Exclusion(_rewrite(children[0]), _rewrite(children[1]))


def _restriction(node: object) -> Restriction:
    subject, condition = _tree(node).children
    names = [str(child) for child in _tree(subject).children]
    return Restriction(
        type=names[0],
        relation=names[1] if len(names) > 1 else "",
        is_wildcard=_tree(subject).data == "wildcard",
        condition=str(condition or ""),
        at=_at(subject),
    )


def _condition(node: object) -> Condition:
    name, *parameters, body = _tree(node).children
    return Condition(
        name=str(name),
        parameters=tuple(_parameter(p) for p in parameters if p is not None),
        expression=str(body)[1:-1].strip(),
        at=_at(name),
    )


def _parameter(node: object) -> tuple[str, ParameterType]:
    name, kind = _tree(node).children
    return str(name), _kind(kind)


def _kind(node: object) -> ParameterType:
    name, item = _tree(node).children
    return ParameterType(str(name), None if item is None else _kind(item))
