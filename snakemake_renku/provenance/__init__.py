"""Records of a run in the formats that others read, all derived from its journal."""
