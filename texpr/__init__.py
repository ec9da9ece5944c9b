"""texpr: fast numeric kernels from tensor expressions, every transformation checked exactly."""
