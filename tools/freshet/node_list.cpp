#include "tools/freshet/node_list.hpp"

#include "config/parse.hpp"
#include "tools/freshet/paths.hpp"

#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace freshet::cli {

using nlohmann::json;

namespace {

std::string folder_in(const std::string& state_dir) { return state_dir + "/control"; }
std::string list_in(const std::string& state_dir) { return folder_in(state_dir) + "/nodes.json"; }
std::string document_of(const std::string& state_dir, std::uint64_t revision) {
  return folder_in(state_dir) + "/revision-" + std::to_string(revision) + ".toml";
}

/// Documents that neither list names: their revisions are in the history. What the former list names stays, because
/// the launcher may be about to start a process with it.
void forget_documents(const std::string& state_dir, const std::set<std::string>& named) {
  std::error_code ignored;
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(folder_in(state_dir), ignored)) {
    const std::string name = entry.path().filename().string();
    const bool document = name.rfind("revision-", 0) == 0 && entry.path().extension() == ".toml";
    if (document && named.count(entry.path().string()) == 0) old.push_back(entry.path());
  }
  for (const auto& path : old) std::filesystem::remove(path, ignored);
}

}  // namespace

std::string revisions_in(const std::string& state_dir) { return folder_in(state_dir) + "/revisions.db"; }

result<void> write_node_list(const std::string& state_dir, const std::vector<actors::wanted_node>& nodes) {
  FRESHET_TRY(make_folder(folder_in(state_dir)));
  std::set<std::uint64_t> written;
  std::set<std::string> named;
  if (const auto former = read_node_list(state_dir); former.ok())
    for (const listed_node& node : *former) named.insert(node.document);
  json list = json::array();
  const actors::wanted_node* running = nullptr;
  for (const actors::wanted_node& node : nodes) {
    const std::string document = document_of(state_dir, node.revision);
    if (written.insert(node.revision).second) FRESHET_TRY(write_file(document, node.text));
    named.insert(document);
    if (!node.await) running = &node;
    list.push_back({{"name", node.name},
                    {"revision", node.revision},
                    {"document", document},
                    {"base_dir", node.base_dir},
                    {"await", node.await}});
  }
  FRESHET_TRY(write_file(list_in(state_dir), json{{"nodes", std::move(list)}}.dump(2) + "\n"));
  forget_documents(state_dir, named);
  // `status`, `top` and `apply` find the daemon by what it runs now.
  if (running != nullptr) FRESHET_TRY(write_file(document_in(state_dir), running->text));
  return {};
}

result<std::vector<listed_node>> read_node_list(const std::string& state_dir) {
  FRESHET_TRY_ASSIGN(const std::string text, config::read_text_file(list_in(state_dir)));
  const json list = json::parse(text, nullptr, false);
  const auto bad = [&] { return error{errc::corrupt, list_in(state_dir) + " is not a list of nodes"}; };
  if (!list.is_object() || !list.contains("nodes") || !list["nodes"].is_array()) return bad();
  std::vector<listed_node> out;
  for (const json& entry : list["nodes"]) {
    if (!entry.is_object()) return bad();
    listed_node node;
    node.name = entry.value("name", "");
    node.revision = entry.value("revision", std::uint64_t{0});
    node.document = entry.value("document", "");
    node.base_dir = entry.value("base_dir", "");
    node.await = entry.value("await", false);
    if (node.name.empty() || node.document.empty()) return bad();
    out.push_back(std::move(node));
  }
  return out;
}

std::string node_list_stamp(const std::string& state_dir) {
  struct stat seen {};
  if (::stat(list_in(state_dir).c_str(), &seen) != 0) return "";
  // Replaced as a whole: another list is another file.
  return std::to_string(seen.st_ino) + "." + std::to_string(seen.st_mtim.tv_sec) + "." +
         std::to_string(seen.st_mtim.tv_nsec);
}

result<actors::revision> begin_revision(const std::string& state_dir, const std::string& text, const std::string& file,
                                        const std::string& base_dir) {
  FRESHET_TRY(make_folder(folder_in(state_dir)));
  FRESHET_TRY_ASSIGN(auto store, actors::revision_store::open(revisions_in(state_dir)));
  actors::revision r;
  r.at_unix_ms = unix_ms_now();
  r.who = "freshet run";
  r.file = file;
  r.base_dir = base_dir;
  r.text = text;
  return store.begin(r);
}

std::int64_t unix_ms_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace freshet::cli
