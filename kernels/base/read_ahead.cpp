#include "kernels/base/read_ahead.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace freshet {
namespace {

#if defined(__x86_64__)
bool measured_to_read_ahead() noexcept {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0 || ebx != signature_AMD_ebx || ecx != signature_AMD_ecx || edx != signature_AMD_edx) {
    return false;
  }
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return false;
  const unsigned base = (eax >> 8) & 0xF;
  const unsigned family = base == 0xF ? base + ((eax >> 20) & 0xFF) : base;
  constexpr unsigned family_of_zen_5 = 0x1A;   // measured on a Zen 5; whatever else is of its family is taken to be like it
  return family == family_of_zen_5;
}
#else
bool measured_to_read_ahead() noexcept { return false; }
#endif

}  // namespace

bool processor_reads_ahead() noexcept {
  static const bool does = measured_to_read_ahead();
  return does;
}

}  // namespace freshet
