#include "kernels/scenes/phase_sources.hpp"

#include <map>

#include "kernels/scenes/data_folder.hpp"
#include "kernels/scenes/folder_source.hpp"
#include "kernels/scenes/scene_source.hpp"

namespace freshet::scenes {
namespace {

result<phase_source> open_world(const std::string& name, std::uint64_t occurrence, const phase_options& options) {
  FRESHET_TRY_ASSIGN(const scene_domain domain, scene_domain::named(name, options.severity, options.side));
  const std::uint64_t seed = rng(options.seed).split("stream").split(name).split(occurrence).next();
  return phase_source{name, std::make_shared<scene_source>(domain, seed)};
}

/// Under a filter, text would be what it is and be called something else.
result<void> check_shift(const std::string& from, const std::string& name, const phase_options& options) {
  if (options.pictures) return {};
  FRESHET_TRY_ASSIGN(const shift* found, find_shift(name));
  if (found->kind == shift_kind::none) return {};
  return {errc::invalid_argument, from + ": phase \"" + name +
                                      "\" changes pictures; where text only is read, \"clean\" is right, or a folder with files "
                                      "of its own for each domain"};
}

result<phase_source> open_file(const std::filesystem::path& file, const std::string& name, const std::string& shift,
                               const phase_options& options) {
  folder_options reading;
  reading.side = options.side;
  reading.pictures = options.pictures;
  reading.shift = shift;
  reading.severity = options.severity;
  reading.seed = options.seed;
  reading.shuffle = true;
  FRESHET_TRY_ASSIGN(auto source, folder_source::open(file, reading));
  return phase_source{name, std::shared_ptr<const sample_source>(std::move(source))};
}

}  // namespace

result<std::vector<phase_source>> open_phase_sources(const std::string& from, const std::vector<std::string>& phases,
                                                     const phase_options& options) {
  if (phases.empty()) return error{errc::invalid_argument, "no phases named"};
  const bool world = from == "scenes";
  if (world && !options.pictures) {
    return error{errc::invalid_argument, "\"scenes\" are pictures; of text, a folder or a .jsonl file of questions is a stream"};
  }
  const bool single_file = std::filesystem::path(from).extension() == ".jsonl";
  data_folder folder;
  if (!world && !single_file) {
    FRESHET_TRY_ASSIGN(folder, list_domains(from));
  }
  std::map<std::string, phase_source> opened;  // files are read once; the world is new each time
  std::map<std::string, std::uint64_t> occurrences;
  std::vector<phase_source> out;
  for (const std::string& name : phases) {
    if (world) {
      FRESHET_TRY_ASSIGN(phase_source made, open_world(name, occurrences[name]++, options));
      out.push_back(std::move(made));
      continue;
    }
    auto found = opened.find(name);
    if (found == opened.end()) {
      phase_source made;
      if (single_file || !folder.several) FRESHET_TRY(check_shift(from, name, options));
      if (single_file) {
        FRESHET_TRY_ASSIGN(made, open_file(from, name, name, options));
      } else if (folder.several) {
        FRESHET_TRY_ASSIGN(const folder_domain domain, folder.find(name));
        FRESHET_TRY_ASSIGN(made, open_file(domain.test, name, "clean", options));
      } else {
        FRESHET_TRY_ASSIGN(made, open_file(folder.domains.front().test, name, name, options));
      }
      found = opened.emplace(name, std::move(made)).first;
    }
    out.push_back(found->second);
  }
  return out;
}

}  // namespace freshet::scenes
