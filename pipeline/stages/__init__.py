"""The stages of the chain, one file each, one public function each: typed in, typed out, no I/O."""
