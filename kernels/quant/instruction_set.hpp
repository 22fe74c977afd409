// Which build of the kernels runs. All give the same bits (product.hpp says why), so the choice is of
// speed alone; tests name them to compare.
// Thread contract: free functions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace freshet::quant {

/// A NEON build would be a file beside product_avx2.cpp, a value here and a line in the .cpp.
enum class instruction_set : std::uint8_t { portable, avx2, avx512, avx512_vnni };

/// The best one that this processor has.
[[nodiscard]] instruction_set best_instruction_set() noexcept;
/// All that this processor has, portable first.
[[nodiscard]] std::vector<instruction_set> usable_instruction_sets();
[[nodiscard]] std::string_view name(instruction_set set) noexcept;

}  // namespace freshet::quant
