#include "actors/access/access_watch.hpp"

#include "actors/access/access_list.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace freshet::access {
namespace {

bool same(const rt::key_owner& a, const rt::key_owner& b) { return a.node == b.node && a.console == b.console; }

bool same(const std::map<std::string, rt::key_owner>& a, const std::map<std::string, rt::key_owner>& b) {
  if (a.size() != b.size()) return false;
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j)
    if (i->first != j->first || !same(i->second, j->second)) return false;
  return true;
}

}  // namespace

access_watch::access_watch(owners first, std::shared_ptr<spdlog::logger> log, std::chrono::milliseconds period)
    : log_(std::move(log)), period_(period), allowed_(std::move(first)) {}

result<std::shared_ptr<access_watch>> access_watch::open(const std::filesystem::path& file,
                                                         std::shared_ptr<spdlog::logger> log,
                                                         std::chrono::milliseconds period) {
  owners first;
  {
    FRESHET_TRY_ASSIGN(access_list list, access_list::open(file));
    FRESHET_TRY_ASSIGN(first, list.allowed());
  }
  std::shared_ptr<access_watch> watch(new access_watch(std::move(first), std::move(log), period));
  watch->thread_ = std::thread([w = watch.get(), file] { w->follow(file); });
  return watch;
}

access_watch::~access_watch() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

std::optional<rt::key_owner> access_watch::find(const std::string& public_key) const {
  std::lock_guard lock(mutex_);
  const auto found = allowed_.find(public_key);
  if (found == allowed_.end()) return std::nullopt;
  return found->second;
}

void access_watch::show(owners now) {
  std::lock_guard lock(mutex_);
  if (same(now, allowed_)) return;
  allowed_ = std::move(now);
  ++revision_;
}

void access_watch::follow(std::filesystem::path file) {
  std::optional<access_list> list;  // belongs to this thread
  std::int64_t seen = -1;
  bool told = false;
  for (;;) {
    const auto look = [&]() -> result<void> {
      if (!list) {
        FRESHET_TRY_ASSIGN(access_list opened, access_list::open(file));
        list.emplace(std::move(opened));
        seen = -1;
      }
      FRESHET_TRY_ASSIGN(const std::int64_t changes, list->foreign_changes());
      if (changes == seen) return {};
      FRESHET_TRY_ASSIGN(owners now, list->allowed());
      seen = changes;
      show(std::move(now));
      return {};
    };
    const auto looked = look();
    if (!looked) {
      list.reset();
      if (!told)
        log_->error("the list of allowed keys cannot be read, the last one stays true: {}", looked.err().text());
    } else if (told) {
      log_->info("the list of allowed keys can be read again");
    }
    told = !looked.ok();
    std::unique_lock lock(mutex_);
    if (stopped_.wait_for(lock, period_, [&] { return stop_; })) return;
  }
}

}  // namespace freshet::access
