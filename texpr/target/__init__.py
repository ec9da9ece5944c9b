"""How a program becomes fast code: targets, lowering passes, LLVM, the call."""
