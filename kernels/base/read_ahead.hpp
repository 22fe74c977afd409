// What a processor does by itself while a scan waits for memory.
// Thread contract: a free function.
#pragma once

namespace freshet {

/// Whether its own prefetching keeps up with a scan from one end to the other, also in a few places side by side. Where it
/// does not, a scan fetches every line by hand and in several places: without that, products of one row in 4 bits reached
/// 55 % of the bandwidth of one processor. With all of it, they lose a twentieth and scores of features up to a third on another,
/// AMD's Zen 5 (freshet bench model --products-only, bench kernels).
[[nodiscard]] bool processor_reads_ahead() noexcept;

}  // namespace freshet
