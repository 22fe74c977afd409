#include "kernels/scenes/data_folder.hpp"

#include <map>

namespace freshet::scenes {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view train_suffix = ".train.jsonl";
constexpr std::string_view test_suffix = ".test.jsonl";

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// "name.train.jsonl" gives "name"; anything else gives "".
std::string domain_of(const std::string& file) {
  if (ends_with(file, train_suffix)) return file.substr(0, file.size() - train_suffix.size());
  if (ends_with(file, test_suffix)) return file.substr(0, file.size() - test_suffix.size());
  return {};
}

void add(std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; }

}  // namespace

result<folder_domain> data_folder::find(std::string_view name) const {
  std::string known;
  for (const folder_domain& d : domains) {
    if (d.name == name) return d;
    add(known, d.name);
  }
  return {errc::not_found, "domain \"" + std::string(name) + "\"; there are " + known};
}

result<data_folder> list_domains(const fs::path& folder) {
  std::error_code status;
  if (!fs::is_directory(folder, status)) return {errc::not_found, folder.string() + ": no such folder"};

  std::map<std::string, folder_domain> by_name;
  for (fs::directory_iterator it(folder, status), end; !status && it != end; it.increment(status)) {
    const std::string file = it->path().filename().string();
    const std::string domain = domain_of(file);
    if (domain.empty()) continue;
    folder_domain& d = by_name[domain];
    d.name = domain;
    (ends_with(file, train_suffix) ? d.train : d.test) = it->path();
  }
  if (status) return {errc::io, folder.string() + ": " + status.message()};

  data_folder out;
  std::string missing;
  if (by_name.empty()) {
    folder_domain only{"clean", folder / "train.jsonl", folder / "test.jsonl"};
    if (!fs::is_regular_file(only.train, status)) add(missing, "train.jsonl");
    if (!fs::is_regular_file(only.test, status)) add(missing, "test.jsonl");
    if (!missing.empty()) missing += " (or <domain>.train.jsonl and <domain>.test.jsonl for each of several domains)";
    out.domains.push_back(std::move(only));
  } else {
    out.several = true;
    for (auto& [name, d] : by_name) {
      if (d.train.empty()) add(missing, name + std::string(train_suffix));
      if (d.test.empty()) add(missing, name + std::string(test_suffix));
      out.domains.push_back(std::move(d));
    }
  }
  if (!missing.empty()) return {errc::not_found, folder.string() + ": has no " + missing};
  return out;
}

}  // namespace freshet::scenes
