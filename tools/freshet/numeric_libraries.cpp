#include "tools/freshet/numeric_libraries.hpp"

#include <dlfcn.h>
#include <stdlib.h>

#include <string_view>

namespace freshet::cli {
namespace {

bool set_if_unset(const char* name, const char* value) {
  if (::getenv(name) != nullptr) return false;
  ::setenv(name, value, 0);
  return true;
}

/// The newest code of OpenBLAS that the processor runs, where it would choose its oldest; nothing where it chooses well.
const char* better_blas_core() {
#if defined(__x86_64__)
  using name_function = char* (*)();
  void* found = ::dlsym(RTLD_DEFAULT, "openblas_get_corename");
  if (found == nullptr) {
    // Not loaded yet: under Debian's name of whichever BLAS is chosen.
    if (void* blas = ::dlopen("libblas.so.3", RTLD_LAZY | RTLD_LOCAL)) found = ::dlsym(blas, "openblas_get_corename");
  }
  const auto chosen = reinterpret_cast<name_function>(found);
  if (chosen == nullptr || std::string_view(chosen()) != "Prescott") return nullptr;
  __builtin_cpu_init();
  const bool wide = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                    __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (wide) return "SkylakeX";
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return "Haswell";
#endif
  return nullptr;
}

}  // namespace

bool set_numeric_environment() {
  const bool threads = set_if_unset("OMP_NUM_THREADS", "1");
  const bool blas_threads = set_if_unset("OPENBLAS_NUM_THREADS", "1");
  // Last: asking OpenBLAS loads it.
  const char* core = ::getenv("OPENBLAS_CORETYPE") == nullptr ? better_blas_core() : nullptr;
  if (core != nullptr) ::setenv("OPENBLAS_CORETYPE", core, 0);
  return threads || blas_threads || core != nullptr;
}

}  // namespace freshet::cli
