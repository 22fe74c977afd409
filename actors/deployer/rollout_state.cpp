#include "actors/deployer/rollout_state.hpp"

#include "actors/offer_content.hpp"
#include "actors/put_aside.hpp"
#include "actors/workspace.hpp"
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
constexpr const char* update_prefix = "update-";
constexpr const char* update_suffix = ".artefact";
constexpr std::size_t most_update_bytes = std::size_t{1} << 30;

bool begins(const std::string& text, const std::string& with) { return text.compare(0, with.size(), with) == 0; }
bool ends(const std::string& text, const std::string& with) {
  return text.size() >= with.size() && text.compare(text.size() - with.size(), with.size(), with) == 0;
}

std::string place_text(const version_place& what) {
  return std::to_string(what.number.value) + "-" + std::to_string(what.hash.value);
}

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

/// What the update in a file of this name leads to.
std::optional<version_place> update_in(const std::string& file) {
  const std::string prefix = update_prefix;
  const std::string suffix = update_suffix;
  if (!begins(file, prefix) || !ends(file, suffix) || file.size() < prefix.size() + suffix.size()) return std::nullopt;
  const std::string middle = file.substr(prefix.size(), file.size() - prefix.size() - suffix.size());
  const std::size_t dash = middle.find('-');
  if (dash == std::string::npos) return std::nullopt;
  const auto number = number_in(middle.substr(0, dash));
  const auto hash = number_in(middle.substr(dash + 1));
  if (!number || !hash) return std::nullopt;
  return version_place{version(*number), content_hash(*hash)};
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
  model::remove_stale_temporaries(folder);
  return rollout_state(std::move(folder), line);
}

std::filesystem::path rollout_state::file_of(const version_place& what) const {
  return folder_ / (version_prefix + place_text(what) + version_suffix);
}

std::filesystem::path rollout_state::update_file_of(const version_place& what) const {
  return folder_ / (update_prefix + place_text(what) + update_suffix);
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
  // The file goes while the values live on: what is mapped stays.
  return settled(mapped);
}

std::vector<error> rollout_state::load_chain(const std::function<result<void>(const host_tensor&)>& take) {
  std::vector<error> faults;
  std::map<version_place, std::filesystem::path> found;  // by number: in the order of their coming
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, problem)) {
    if (const auto what = update_in(entry.path().filename().string())) found.emplace(*what, entry.path());
  }
  if (problem) faults.push_back({errc::io, folder_.string() + ": cannot be listed (" + problem.message() + ")"});
  for (const auto& [what, path] : found) {
    auto text = model::read_whole_file(path, most_update_bytes);
    host_tensor bytes;
    result<void> taken;
    if (!text) {
      taken = text.err();
    } else {
      bytes = host_tensor::copy_of(dtype::u8, {static_cast<std::int64_t>(text->size())}, text->data());
      taken = take(bytes);
    }
    if (taken) {
      updates_[what] = hash_content(bytes.data(), bytes.bytes());
      continue;
    }
    const auto aside = put_aside(path, "faulty");
    faults.push_back({taken.err().code, path.string() + ": " + taken.err().context + "; " +
                                            (aside.ok() ? "kept as " + aside->string() : aside.err().text())});
  }
  return faults;
}

result<void> rollout_state::save_chain(const std::deque<artefact_ref>& chain) {
  std::map<version_place, content_hash> now;
  for (const artefact_ref& step : chain) {
    const version_place what{step->next, step->result};
    now[what] = step->content;
    const auto there = updates_.find(what);
    if (there != updates_.end() && there->second == step->content) continue;
    if (step->bytes.bytes() > most_update_bytes)   // it could not be read again
      return error{errc::too_large, "the update to version " + std::to_string(what.number.value) + " has " +
                                        std::to_string(step->bytes.bytes()) + " bytes, at most " +
                                        std::to_string(most_update_bytes) + " are kept"};
    FRESHET_TRY(model::write_whole_file(update_file_of(what), {{step->bytes.data(), step->bytes.bytes()}}));
    updates_[what] = step->content;
  }
  updates_ = std::move(now);
  return {};
}

result<void> rollout_state::save(const rollout_memory& what, const std::set<version_place>& needed,
                                 const std::function<const host_tensor*(const version_place&)>& values,
                                 const std::deque<artefact_ref>& chain) {
  for (const version_place& v : needed) {
    if (v.number == version{0} || kept_.count(v) != 0) continue;
    const host_tensor* now = values(v);
    if (now == nullptr) return {errc::not_found, "values of version " + std::to_string(v.number.value)};
    FRESHET_TRY(model::write_safetensors(file_of(v), {{"values", *now}}, {{"line", std::to_string(line_.value)}}));
    kept_.insert(v);
  }
  FRESHET_TRY(save_chain(chain));
  FRESHET_TRY(model::write_whole_file(
      folder_ / record_name, record_of(what, line_).dump(1, ' ', false, json::error_handler_t::replace) + "\n"));
  for (auto it = kept_.begin(); it != kept_.end();) it = needed.count(*it) == 0 ? kept_.erase(it) : std::next(it);
  remove_others();
  return {};
}

// What a former life left too.
void rollout_state::remove_others() const {
  std::set<std::filesystem::path> wanted;
  for (const version_place& v : kept_) wanted.insert(file_of(v));
  for (const auto& [what, content] : updates_) wanted.insert(update_file_of(what));
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string file = entry.path().filename().string();
    // Not what was put aside: its name goes on.
    const bool ours = (begins(file, version_prefix) && ends(file, version_suffix)) || update_in(file).has_value();
    if (ours && wanted.count(entry.path()) == 0) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace freshet::actors
