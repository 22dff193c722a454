"""One module for each kind of content, all of one shape (:class:`~..pair.Kind`)."""
