#include "kernels/delta/codec.hpp"

#include "kernels/delta/codec_ams.hpp"
#include "kernels/delta/codec_bitdelta.hpp"
#include "kernels/delta/codec_dense.hpp"
#include "kernels/delta/codec_dwc.hpp"
#include "kernels/delta/codec_topk.hpp"

#include <string>

namespace freshet::delta {
namespace {

const std::vector<std::unique_ptr<update_codec>>& registry() {
  static const auto* all = [] {
    auto* made = new std::vector<std::unique_ptr<update_codec>>;
    made->push_back(make_dwc_codec());
    made->push_back(make_dense_codec("none", 16));
    made->push_back(make_dense_codec("dense8", 8));
    made->push_back(make_dense_codec("dense4", 4));
    made->push_back(make_dense_codec("dense2", 2));
    made->push_back(make_bitdelta_codec());
    made->push_back(make_ams_codec(0.05));
    made->push_back(make_topk_codec(0.05, 4));
    return made;
  }();
  return *all;
}

}  // namespace

result<const update_codec*> find_codec(std::string_view name) {
  std::string known;
  for (const auto& codec : registry()) {
    if (codec->name() == name) return static_cast<const update_codec*>(codec.get());
    known += (known.empty() ? "" : ", ") + std::string(codec->name());
  }
  return error{errc::not_found, "codec " + std::string(name) + "; known are " + known};
}

std::vector<std::string_view> codec_names() {
  std::vector<std::string_view> names;
  for (const auto& codec : registry()) names.push_back(codec->name());
  return names;
}

result<std::vector<std::uint8_t>> within_budget(std::vector<std::uint8_t> payload, const update_codec& codec,
                                                std::uint64_t budget_bytes) {
  if (payload.size() > budget_bytes) {
    return error{errc::too_large, "codec " + std::string(codec.name()) + " needs " + std::to_string(payload.size()) +
                                      " bytes, the budget is " + std::to_string(budget_bytes) +
                                      "; raise it, or choose dwc, which fits itself to a budget"};
  }
  return payload;
}

}  // namespace freshet::delta
