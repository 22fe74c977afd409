#include "kernels/delta/codec_dense.hpp"

#include "kernels/delta/update.hpp"

namespace freshet::delta {
namespace {

class dense_codec final : public update_codec {
 public:
  dense_codec(std::string_view name, unsigned bits) : name_(name), bits_(bits) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] result<std::vector<std::uint8_t>> encode(const encode_request& request) const override {
    update_plan plan;
    plan.segments.assign(request.parts.segments.size(), {segment_format::dense, bits_, 64, 0});
    FRESHET_TRY_ASSIGN(auto payload, encode_update(request.delta, nullptr, request.parts, plan));
    return within_budget(std::move(payload), *this, request.budget_bytes);
  }

 private:
  std::string_view name_;
  unsigned bits_;
};

}  // namespace

std::unique_ptr<update_codec> make_dense_codec(std::string_view name, unsigned bits) {
  return std::make_unique<dense_codec>(name, bits);
}

}  // namespace freshet::delta
