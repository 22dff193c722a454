import pytest

pytest.register_assert_rewrite(f"{__name__}.harness", f"{__name__}.cases")
