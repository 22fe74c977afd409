#include "kernels/delta/codec_bitdelta.hpp"

#include "kernels/delta/update.hpp"

namespace freshet::delta {
namespace {

class bitdelta_codec final : public update_codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "bitdelta"; }
  [[nodiscard]] result<std::vector<std::uint8_t>> encode(const encode_request& request) const override {
    update_plan plan;
    plan.segments.assign(request.parts.segments.size(), {segment_format::dense, 1, 0, 0});
    FRESHET_TRY_ASSIGN(auto payload, encode_update(request.delta, nullptr, request.parts, plan));
    return within_budget(std::move(payload), *this, request.budget_bytes);
  }
};

}  // namespace

std::unique_ptr<update_codec> make_bitdelta_codec() { return std::make_unique<bitdelta_codec>(); }

}  // namespace freshet::delta
