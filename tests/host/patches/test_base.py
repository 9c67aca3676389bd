import inspect
from types import SimpleNamespace

import pytest

from aio_plugin.host.patches.base import Patches, replace_class


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


def scale(value, factor=2, *, plus=0):
    return value * factor + plus


def test_a_replaced_function_is_replaced_under_every_name_and_comes_back():
    early, code = scale, scale.__code__
    with Patches() as patches:
        patches.replace_function(scale, lambda original: lambda *args, **kwargs: -original(*args, **kwargs))
        assert (early(1), early(1, 3), early(1, factor=3, plus=1), scale(2)) == (-2, -3, -4, -4)
        assert list(inspect.signature(early).parameters) == ["value", "factor", "plus"]
    assert (early(1), early(1, 3), early(1, factor=3, plus=1)) == (2, 3, 4)
    assert scale.__code__ is code
    assert (scale.__defaults__, scale.__kwdefaults__, vars(scale)) == ((2,), {"plus": 0}, {})


def test_a_replaced_class_takes_the_other_with_arguments_by_name():
    class Stock:
        def __init__(self, a, b=2):
            self.values = a, b

    class Other(Stock):
        def __init__(self, **arguments):
            self.values = arguments

    init = Stock.__init__
    with Patches() as patches:
        replace_class(patches, Stock, lambda called, arguments: Other if arguments["a"] == "other" else None)
        assert (type(Stock("other", 3)), Stock("other", 3).values) == (Other, {"a": "other", "b": 3})
        assert (type(Stock(1)), Stock(1).values) == (Stock, (1, 2))
        with pytest.raises(TypeError, match="c"):
            Stock(1, c=2)
    assert Stock.__init__ is init
    assert type(Stock("other")) is Stock
