#include "kernels/delta/codec_topk.hpp"

#include "kernels/delta/share_plan.hpp"
#include "kernels/delta/update.hpp"

namespace freshet::delta {
namespace {

class topk_codec final : public update_codec {
 public:
  topk_codec(double share, unsigned bits) : share_(share), bits_(bits) {}
  [[nodiscard]] std::string_view name() const override { return "topk"; }
  [[nodiscard]] result<std::vector<std::uint8_t>> encode(const encode_request& request) const override {
    const segment_plan kept{segment_format::sparse, bits_, 64, 0};
    FRESHET_TRY_ASSIGN(const update_plan plan,
                       plan_top_share(request.delta, request.importance, request.parts, share_, kept));
    FRESHET_TRY_ASSIGN(auto payload, encode_update(request.delta, request.importance, request.parts, plan));
    return within_budget(std::move(payload), *this, request.budget_bytes);
  }

 private:
  double share_;
  unsigned bits_;
};

}  // namespace

std::unique_ptr<update_codec> make_topk_codec(double share, unsigned bits) {
  return std::make_unique<topk_codec>(share, bits);
}

}  // namespace freshet::delta
