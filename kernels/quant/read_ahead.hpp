// What a processor does by itself while one row is multiplied and everything waits for memory.
// Thread contract: a free function.
#pragma once

namespace freshet::quant {

/// Whether its own prefetching keeps up with four places that are read side by side. Where it does not, the kernels fetch
/// every line by hand: without that, 4 bits reached 55 % of the bandwidth of one processor; with it, 8 bits lose a tenth
/// on another, AMD's Zen 5 (freshet bench model --products-only).
[[nodiscard]] bool processor_reads_ahead() noexcept;

}  // namespace freshet::quant
