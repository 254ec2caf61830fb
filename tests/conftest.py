"""For all tests: how hard Hypothesis tries. `HYPOTHESIS_PROFILE=thorough` for a long look."""

import os

from hypothesis import HealthCheck, settings

# No deadlines: a busy machine is not a failing test. `ci` always tries the same examples, so a red run can be repeated.
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=2000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))
