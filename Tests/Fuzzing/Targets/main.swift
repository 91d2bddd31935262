// The fuzzers in one program: `FUZZ_TARGET=… fuzzers [LIBFUZZER-ARGUMENT…]`; without a target it
// lists them. `Tests/Fuzzing/run` builds and runs it.

import CLibFuzzer
import Glibc

guard Target.selected != nil else {
  print(Target.allCases.map(\.rawValue).joined(separator: "\n"))
  exit(64)
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
  LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
    Target.selected?.check(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
  })
