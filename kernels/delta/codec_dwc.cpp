#include "kernels/delta/codec_dwc.hpp"

#include "kernels/delta/choose.hpp"
#include "kernels/delta/update.hpp"

namespace freshet::delta {
namespace {

// zstd makes room of up to this share of the budget, as far as we have seen.
constexpr std::uint64_t stretch_share = 4;
constexpr int stretch_tries = 6;

class dwc_codec final : public update_codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "dwc"; }
  [[nodiscard]] result<std::vector<std::uint8_t>> encode(const encode_request& request) const override {
    const std::uint64_t budget = request.budget_bytes;
    if (budget == 0) return error{errc::invalid_argument, "a budget of 0 bytes; even the empty update takes 1"};
    const std::uint64_t most = budget <= unlimited_bytes / 2 ? budget + budget / stretch_share : budget;
    FRESHET_TRY_ASSIGN(const rate_table table,
                       rate_table::measure(request.delta, request.importance, request.parts, most));
    update_plan plan = table.plan_for(budget);
    FRESHET_TRY_ASSIGN(auto payload, encode_update(request.delta, request.importance, request.parts, plan));
    FRESHET_ENSURE(payload.size() <= budget, "a plan's size is exact");

    // What zstd saved is spent as well: plan for more, keep what still fits.
    std::uint64_t fits = budget;
    std::uint64_t next = stretched(budget, payload.size(), budget, most);
    for (int i = 0; i < stretch_tries && next > fits; ++i) {
      update_plan wider = table.plan_for(next);
      if (wider == plan) break;
      FRESHET_TRY_ASSIGN(auto tried, encode_update(request.delta, request.importance, request.parts, wider));
      if (tried.size() <= budget) {
        payload = std::move(tried);
        plan = std::move(wider);
        fits = next;
        next = stretched(next, payload.size(), budget, most);
      } else {
        next = fits + (next - fits) / 2;
      }
    }
    return payload;
  }

 private:
  // The plan's budget that would fill the real one if zstd saved the same share again.
  static std::uint64_t stretched(std::uint64_t planned, std::size_t got, std::uint64_t budget, std::uint64_t most) {
    const double wanted = static_cast<double>(planned) * static_cast<double>(budget) / static_cast<double>(got);
    return wanted < static_cast<double>(most) ? static_cast<std::uint64_t>(wanted) : most;
  }
};

}  // namespace

std::unique_ptr<update_codec> make_dwc_codec() { return std::make_unique<dwc_codec>(); }

}  // namespace freshet::delta
