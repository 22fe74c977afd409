#include "kernels/delta/codec_ams.hpp"

#include "kernels/delta/share_plan.hpp"
#include "kernels/delta/update.hpp"

namespace freshet::delta {
namespace {

class ams_codec final : public update_codec {
 public:
  explicit ams_codec(double share) : share_(share) {}
  [[nodiscard]] std::string_view name() const override { return "ams"; }
  [[nodiscard]] result<std::vector<std::uint8_t>> encode(const encode_request& request) const override {
    const segment_plan masked{segment_format::bitmap, 16, 0, 0};
    FRESHET_TRY_ASSIGN(update_plan plan, plan_top_share(request.delta, nullptr, request.parts, share_, masked));
    plan.zstd_level = 19;
    FRESHET_TRY_ASSIGN(auto payload, encode_update(request.delta, nullptr, request.parts, plan));
    return within_budget(std::move(payload), *this, request.budget_bytes);
  }

 private:
  double share_;
};

}  // namespace

std::unique_ptr<update_codec> make_ams_codec(double share) { return std::make_unique<ams_codec>(share); }

}  // namespace freshet::delta
