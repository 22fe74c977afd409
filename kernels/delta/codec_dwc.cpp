#include "kernels/delta/codec_dwc.hpp"

#include "kernels/delta/choose.hpp"
#include "kernels/delta/update.hpp"

namespace freshet::delta {
namespace {

class dwc_codec final : public update_codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "dwc"; }
  [[nodiscard]] result<std::vector<std::uint8_t>> encode(const encode_request& request) const override {
    FRESHET_TRY_ASSIGN(const update_plan plan,
                       choose_plan(request.delta, request.importance, request.parts, request.budget_bytes));
    FRESHET_TRY_ASSIGN(auto payload, encode_update(request.delta, request.importance, request.parts, plan));
    FRESHET_ENSURE(payload.size() <= request.budget_bytes, "a plan's size is exact");
    return payload;
  }
};

}  // namespace

std::unique_ptr<update_codec> make_dwc_codec() { return std::make_unique<dwc_codec>(); }

}  // namespace freshet::delta
