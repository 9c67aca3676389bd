"""From features of any combination of modalities to results, tables, pictures and reports."""
