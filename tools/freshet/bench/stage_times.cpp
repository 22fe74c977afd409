#include "tools/freshet/bench/stage_times.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "kernels/base/check.hpp"

namespace freshet::cli {

std::vector<stage_time> stages_of_the_loop() {
  return {
      {"device", "answer", "sample"},         // picture read, question asked, answer generated
      {"uplink_filter", "score", "sample"},
      {"uplink_filter", "encode", "sample sent"},
      {"teacher", "label", "sample sent"},    // tokens unpacked, answer generated
      {"distiller", "step", "step"},
      {"compressor", "compress", "refresh"},  // selected, quantised, coded
      {"distiller", "mirror", "refresh"},     // decoded and applied, as devices do
      {"deployer", "sign", "refresh"},        // applied, checked, signed
      {"device", "transfer", "refresh"},      // offer to last chunk, waiting for the device included
      {"device", "decode", "refresh"},        // hash and signature verified, decoded, applied
      {"device", "admit", "refresh"},         // written into the model, self-tested
  };
}

result<void> add_figures(std::vector<stage_time>& to, const std::string& role, const std::string& figures) {
  const nlohmann::json all = nlohmann::json::parse(figures, nullptr, false);
  if (!all.is_object() || !all.contains("shell") || !all["shell"].contains("stages")) {
    return {errc::corrupt, "figures of " + role + " without stages"};
  }
  const nlohmann::json& metered = all["shell"]["stages"];
  constexpr double microseconds = 1e6;
  for (stage_time& s : to) {
    if (s.role != role || !metered.contains(s.stage)) continue;
    const nlohmann::json& m = metered[s.stage];
    s.things += m.at("things").get<std::uint64_t>();
    s.seconds += m.at("total_us").get<double>() / microseconds;
    s.longest = std::max(s.longest, m.at("max_us").get<double>() / microseconds);
  }
  return {};
}

void add_times(std::vector<stage_time>& to, const std::vector<stage_time>& more) {
  FRESHET_ENSURE(to.size() == more.size(), "add_times: stages of another bench");
  for (std::size_t i = 0; i < to.size(); ++i) {
    to[i].things += more[i].things;
    to[i].seconds += more[i].seconds;
    to[i].longest = std::max(to[i].longest, more[i].longest);
  }
}

}  // namespace freshet::cli
