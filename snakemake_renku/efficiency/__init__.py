"""What the jobs of each rule asked for against what they used, and what would do."""

from snakemake_renku.efficiency.measure import RuleUse, Spread, use_by_rule
from snakemake_renku.efficiency.suggest import Suggestion, reliance, suggest

__all__ = ["RuleUse", "Spread", "Suggestion", "reliance", "suggest", "use_by_rule"]
