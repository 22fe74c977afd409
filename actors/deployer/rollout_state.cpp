#include "actors/deployer/rollout_state.hpp"

#include "kernels/model/safetensors.hpp"
#include "kernels/model/whole_file.hpp"

#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using nlohmann::json;

constexpr std::size_t most_record_bytes = std::size_t{16} << 20;
constexpr const char* record_name = "rollout.json";
constexpr const char* version_prefix = "version-";
constexpr const char* version_suffix = ".safetensors";

// As text: JSON readers lose the last bits of large numbers.
json json_of(const version_place& v) { return json::array({v.number.value, std::to_string(v.hash.value)}); }

result<std::uint64_t> number_in(const std::string& text) {
  std::uint64_t n = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (problem != std::errc{} || end != text.data() + text.size())
    return error{errc::corrupt, "\"" + text + "\" is no number"};
  return n;
}

result<version_place> place_in(const json& j) {
  if (!j.is_array() || j.size() != 2 || !j[0].is_number_unsigned() || !j[1].is_string())
    return error{errc::corrupt, j.dump() + " is no version"};
  FRESHET_TRY_ASSIGN(const std::uint64_t hash, number_in(j[1].get<std::string>()));
  return version_place{version(j[0].get<std::uint64_t>()), content_hash(hash)};
}

json record_of(const rollout_memory& m, content_hash line) {
  json out{{"line", std::to_string(line.value)},
           {"step", static_cast<int>(m.step)},
           {"good", json::array()},
           {"members", json::array()},
           {"bad", json::array()},
           {"pins", json::array()},
           {"mirror_must_return", m.mirror_must_return}};
  for (const auto& v : m.good) out["good"].push_back(json_of(v));
  if (m.trial) out["trial"] = json_of(*m.trial);
  for (const auto d : m.members) out["members"].push_back(d.value);
  for (const auto& b : m.bad) out["bad"].push_back({{"version", json_of(b.what)}, {"why", b.why}});
  for (const auto& [device, v] : m.pins) out["pins"].push_back({{"device", device.value}, {"version", json_of(v)}});
  if (m.last)
    out["last"] = {{"from", json_of(m.last->from)},
                   {"to", json_of(m.last->to)},
                   {"why", m.last->why},
                   {"state", static_cast<int>(m.last->state)},
                   {"failure", m.last->failure},
                   {"reached", m.last->reached}};
  return out;
}

result<rollout_memory> memory_in(const json& j) {
  rollout_memory m;
  const int step = j.at("step").get<int>();
  if (step < 0 || step > static_cast<int>(rollout_step::returning))
    return error{errc::corrupt, "step " + std::to_string(step)};
  m.step = static_cast<rollout_step>(step);
  for (const json& v : j.at("good")) {
    FRESHET_TRY_ASSIGN(const version_place place, place_in(v));
    m.good.push_back(place);
  }
  if (j.contains("trial")) {
    FRESHET_TRY_ASSIGN(m.trial, place_in(j.at("trial")));
  }
  for (const json& d : j.at("members")) m.members.insert(device_id(d.get<std::uint32_t>()));
  for (const json& b : j.at("bad")) {
    FRESHET_TRY_ASSIGN(const version_place place, place_in(b.at("version")));
    m.bad.push_back({place, b.at("why").get<std::string>()});
  }
  for (const json& p : j.at("pins")) {
    FRESHET_TRY_ASSIGN(const version_place place, place_in(p.at("version")));
    m.pins[device_id(p.at("device").get<std::uint32_t>())] = place;
  }
  if (j.contains("last")) {
    const json& l = j.at("last");
    rollback_record r;
    FRESHET_TRY_ASSIGN(r.from, place_in(l.at("from")));
    FRESHET_TRY_ASSIGN(r.to, place_in(l.at("to")));
    r.why = l.at("why").get<std::string>();
    r.state = static_cast<rollback_record::outcome>(std::min(l.at("state").get<unsigned>(), 2U));
    r.failure = l.at("failure").get<std::string>();
    r.reached = l.at("reached").get<std::size_t>();
    m.last = std::move(r);
  }
  if (m.step == rollout_step::returning && !m.last) return error{errc::corrupt, "on the way back from nowhere"};
  m.mirror_must_return = j.at("mirror_must_return").get<bool>();
  return m;
}

}  // namespace

result<rollout_state> rollout_state::open(std::filesystem::path folder, content_hash line) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) return error{errc::io, folder.string() + ": cannot make this folder (" + problem.message() + ")"};
  return rollout_state(std::move(folder), line);
}

std::filesystem::path rollout_state::file_of(const version_place& what) const {
  return folder_ /
         (version_prefix + std::to_string(what.number.value) + "-" + std::to_string(what.hash.value) + version_suffix);
}

result<std::optional<rollout_memory>> rollout_state::load() {
  const std::filesystem::path path = folder_ / record_name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<rollout_memory>();
  FRESHET_TRY_ASSIGN(const std::string text, model::read_whole_file(path, most_record_bytes));
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return error{errc::corrupt, path.string() + " is no JSON object"};
  try {
    if (j.at("line").get<std::string>() != std::to_string(line_.value)) {
      std::filesystem::rename(path, path.string() + ".other-line", ignored);
      return std::optional<rollout_memory>();
    }
    auto memory = memory_in(j);
    if (!memory) return error{memory.err().code, path.string() + ": " + memory.err().context};
    return std::optional<rollout_memory>(std::move(*memory));
  } catch (const json::exception& e) {
    return error{errc::corrupt, path.string() + ": " + e.what()};
  }
}

result<host_tensor> rollout_state::values_of(const version_place& what) const {
  FRESHET_TRY_ASSIGN(const model::safetensors_file file, model::safetensors_file::open(file_of(what)));
  FRESHET_TRY_ASSIGN(const host_tensor mapped, file.get("values"));
  if (mapped.type() != dtype::f32) return error{errc::corrupt, file_of(what).string() + ": values that are no f32"};
  // A copy: the file goes while the values live on.
  return host_tensor::copy_of(dtype::f32, {static_cast<std::int64_t>(mapped.items())}, mapped.as<float>());
}

result<void> rollout_state::save(const rollout_memory& what, const std::set<version_place>& needed,
                                 const std::function<const host_tensor*(const version_place&)>& values) {
  for (const version_place& v : needed) {
    if (v.number == version{0} || kept_.count(v) != 0) continue;
    const host_tensor* now = values(v);
    if (now == nullptr) return {errc::not_found, "values of version " + std::to_string(v.number.value)};
    FRESHET_TRY(model::write_safetensors(file_of(v), {{"values", *now}}, {{"line", std::to_string(line_.value)}}));
    kept_.insert(v);
  }
  FRESHET_TRY(model::write_whole_file(
      folder_ / record_name, record_of(what, line_).dump(1, ' ', false, json::error_handler_t::replace) + "\n"));
  for (auto it = kept_.begin(); it != kept_.end();) it = needed.count(*it) == 0 ? kept_.erase(it) : std::next(it);
  // What a former life left too.
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string file = entry.path().filename().string();
    if (file.compare(0, std::string(version_prefix).size(), version_prefix) != 0) continue;
    bool wanted = false;
    for (const version_place& v : kept_) wanted = wanted || file_of(v) == entry.path();
    if (!wanted) std::filesystem::remove(entry.path(), ignored);
  }
  return {};
}

}  // namespace freshet::actors
