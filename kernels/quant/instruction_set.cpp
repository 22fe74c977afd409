#include "kernels/quant/instruction_set.hpp"

namespace freshet::quant {

[[nodiscard]] static bool usable(instruction_set set) noexcept {
#if defined(__x86_64__)
  switch (set) {
    case instruction_set::portable: return true;
    case instruction_set::avx2: return __builtin_cpu_supports("avx2") != 0;
    case instruction_set::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case instruction_set::avx512_vnni:
      return usable(instruction_set::avx512) && __builtin_cpu_supports("avx512vnni");
  }
  return false;
#else
  return set == instruction_set::portable;
#endif
}

instruction_set best_instruction_set() noexcept {
  static const instruction_set best = [] {
    for (const instruction_set set :
         {instruction_set::avx512_vnni, instruction_set::avx512, instruction_set::avx2}) {
      if (usable(set)) return set;
    }
    return instruction_set::portable;
  }();
  return best;
}

std::vector<instruction_set> usable_instruction_sets() {
  std::vector<instruction_set> out;
  for (const instruction_set set : {instruction_set::portable, instruction_set::avx2, instruction_set::avx512,
                                    instruction_set::avx512_vnni}) {
    if (usable(set)) out.push_back(set);
  }
  return out;
}

std::string_view name(instruction_set set) noexcept {
  switch (set) {
    case instruction_set::portable: return "portable";
    case instruction_set::avx2: return "avx2";
    case instruction_set::avx512: return "avx512";
    case instruction_set::avx512_vnni: return "avx512_vnni";
  }
  return "?";
}

}  // namespace freshet::quant
