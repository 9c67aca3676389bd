from types import SimpleNamespace

import pytest

from aio_plugin.host.patches.base import Patches


def test_attributes_and_items_come_back_as_the_very_objects():
    one, two = object(), object()
    owner, mapping = SimpleNamespace(a=one), {"k": two}
    patches = Patches()
    patches.set_attribute(owner, "a", 1)
    patches.set_attribute(owner, "a", 2)
    patches.set_attribute(owner, "new", 3)
    patches.set_item(mapping, "k", 4)
    patches.set_item(mapping, "new", 5)
    assert (owner.a, owner.new, mapping) == (2, 3, {"k": 4, "new": 5})
    patches.close()
    assert owner.a is one
    assert not hasattr(owner, "new")
    assert mapping == {"k": two}
    assert mapping["k"] is two


def test_methods_of_a_class_come_back_unbound():
    class Owner:
        @staticmethod
        def method():
            return 1

    before = Owner.__dict__["method"]
    patches = Patches()
    patches.set_attribute(Owner, "method", lambda self: 2)
    patches.close()
    assert Owner.__dict__["method"] is before


def test_close_reverts_latest_first_and_once():
    order = []
    patches = Patches()
    for number in range(3):
        patches.callback(order.append, number)
    patches.close()
    patches.close()
    assert order == [2, 1, 0]


def test_what_is_inherited_is_not_copied_down():
    class Base:
        value = 1

    class Owner(Base):
        pass

    patches = Patches()
    patches.set_attribute(Owner, "value", 2)
    patches.close()
    assert "value" not in vars(Owner)
    assert Owner.value == pytest.approx(1)
