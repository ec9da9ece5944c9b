"""Everything that needs LLVM: questions about processors, emission, the JIT."""
