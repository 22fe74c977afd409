#include "tools/freshet/console/views/flow_picture.hpp"

#include "actors/stats/figures.hpp"
#include "tools/freshet/console/format.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace freshet::cli {
namespace {

using actors::number_in;
using actors::text_in;

maybe sum_of(const std::vector<const live_role*>& roles, const char* key) {
  maybe sum;
  for (const live_role* r : roles)
    if (const auto n = number_in(r->own, key)) sum = sum.value_or(0) + *n;
  return sum;
}

maybe mean_of(const std::vector<const live_role*>& roles, const char* key) {
  const maybe sum = sum_of(roles, key);
  if (!sum) return sum;
  return *sum / static_cast<double>(roles.size());
}

maybe mailbox_of(const std::vector<const live_role*>& roles) {
  maybe sum;
  for (const live_role* r : roles)
    if (r->mailbox) sum = sum.value_or(0) + *r->mailbox;
  return sum;
}

maybe busiest_of(const std::vector<const live_role*>& roles) {
  maybe most;
  for (const live_role* r : roles)
    if (r->busy) most = std::max(most.value_or(0), *r->busy);
  return most;
}

std::string first_text(const std::vector<const live_role*>& roles, const char* key) {
  for (const live_role* r : roles)
    if (const auto t = text_in(r->own, key)) return *t;
  return "–";
}

std::string commonest_phase(const live_model& m) {
  if (m.phases.empty()) return "–";
  return m.phases.front().first + (m.phases.size() > 1 ? " +" + std::to_string(m.phases.size() - 1) : "");
}

/// What a kind's box says, the most telling first.
std::vector<std::string> figures_of(const std::string& kind, const std::vector<const live_role*>& roles,
                                    const live_model& m) {
  const auto number = [&](const char* key) { return short_number(sum_of(roles, key)); };
  std::vector<std::string> lines;
  if (kind == "device") {
    lines = {short_number(m.answers_per_s) + " ans/s", commonest_phase(m)};
  } else if (kind == "uplink_filter") {
    const maybe seen = sum_of(roles, "seen");
    const maybe kept = sum_of(roles, "kept");
    const std::string share = seen && kept && *seen > 0 ? short_number(std::round(*kept / *seen * 100)) + " %" : "–";
    lines = {share + " kept", short_bytes(mean_of(roles, "bytes_per_sample")) + "/smp"};
  } else if (kind == "intake") {
    lines = {number("held_samples") + " held", number("leases_out") + " leased"};
  } else if (kind == "teacher") {
    lines = {number("answered") + " lbls", number("queued") + " queued"};
  } else if (kind == "distiller") {
    lines = {"v" + whole_number(sum_of(roles, "version")), first_text(roles, "phase"),
             "loss " + short_number(mean_of(roles, "loss"))};
  } else if (kind == "compressor") {
    lines = {short_bytes(m.refresh_bytes), short_percent(mean_of(roles, "fp16_ratio_last")) + " fp16"};
  } else if (kind == "deployer") {
    lines = {number("converged") + "/" + number("devices") + " on v" + whole_number(m.desired_version),
             "lag " + number("largest_lag")};
  }
  lines.push_back("busy " + short_percent(busiest_of(roles)));
  return lines;
}

void draw_box(canvas area, const std::string& title, const std::string& kind, const live_model& m) {
  const auto roles = m.of(kind);
  const auto up = std::count_if(roles.begin(), roles.end(), [](const live_role* r) { return r->up(); });
  const bool whole = !roles.empty() && up == static_cast<std::ptrdiff_t>(roles.size());
  const style frame = whole ? style::dim : style::bad;
  const std::size_t right = area.width() - 1;
  const std::size_t bottom = area.height() - 1;
  for (std::size_t x = 1; x < right; ++x) {
    area.put(x, 0, U'─', frame);
    area.put(x, bottom, U'─', frame);
  }
  for (std::size_t y = 1; y < bottom; ++y) {
    area.put(0, y, U'│', frame);
    area.put(right, y, U'│', frame);
  }
  area.put(0, 0, U'╭', frame);
  area.put(right, 0, U'╮', frame);
  area.put(0, bottom, U'╰', frame);
  area.put(right, bottom, U'╯', frame);
  std::string head = title;
  if (roles.size() > 1 || !whole)
    head += whole ? " ×" + std::to_string(roles.size()) : " " + std::to_string(up) + "/" + std::to_string(roles.size());
  area.part(1, 0, right - 1, 1).put(0, 0, head, whole ? style::bold : style::bad);
  canvas inside = area.part(1, 1, right - 1, bottom - 1);
  std::size_t y = 0;
  // A blank in front where there is room for one.
  for (const std::string& line : figures_of(kind, roles, m))
    inside.put(glyphs_of(line).size() < inside.width() ? 1 : 0, y++, line);
}

std::string rate_of(const live_flow& f) { return short_bytes(f.bytes_per_s) + "/s"; }

/// "q3 m0": waiting at the sender or on the way, and in the mailboxes at the end.
std::string depths_of(const live_flow& f, const std::vector<const live_role*>& to, bool& deep) {
  maybe waiting = f.queued;
  if (f.in_flight) waiting = waiting.value_or(0) + *f.in_flight;
  const maybe mailbox = mailbox_of(to);
  deep = waiting.value_or(0) >= 100 || mailbox.value_or(0) >= 100;
  // Links that are pulled have no queue.
  return (waiting ? "q" + short_number(waiting) + " " : "") + "m" + short_number(mailbox);
}

live_flow flow_between(const live_model& m, const std::string& from, const std::string& to) {
  const auto found = m.flow.find(from + ">" + to);
  return found == m.flow.end() ? live_flow{} : found->second;
}

void centred(canvas area, std::size_t y, const std::string& text, style look) {
  const std::size_t length = glyphs_of(text).size();
  area.put(area.width() > length ? (area.width() - length) / 2 : 0, y, text, look);
}

/// In the gap between two boxes, from left to right or back.
void draw_arrow(canvas gap, const live_model& m, const std::string& from, const std::string& to, bool back) {
  const live_flow f = flow_between(m, from, to);
  const bool moves = f.bytes_per_s.value_or(0) > 0;
  bool deep = false;
  const std::string depths = depths_of(f, m.of(to), deep);
  centred(gap, 0, rate_of(f), moves ? style::flow : style::dim);
  const style look = moves ? style::flow : style::dim;
  for (std::size_t x = 0; x < gap.width(); ++x) gap.put(x, 1, U'─', look);
  gap.put(back ? 0 : gap.width() - 1, 1, back ? U'◀' : U'▶', look);
  centred(gap, 2, depths, deep ? style::warn : style::dim);
}

}  // namespace

void draw_flow(const live_model& m, canvas area, std::size_t inner) {
  constexpr std::size_t boxes = 4;
  constexpr std::size_t narrowest_gap = 9;
  if (area.width() < boxes * 12 + (boxes - 1) * narrowest_gap) return;
  const std::size_t box = std::min<std::size_t>(22, (area.width() - (boxes - 1) * narrowest_gap) / boxes);
  const std::size_t gap = (area.width() - boxes * box) / (boxes - 1);
  const std::size_t height = inner + 2;
  const std::size_t lower = height + 1;
  const auto left = [&](std::size_t column) { return column * (box + gap); };
  const auto place = [&](std::size_t column, std::size_t y, const char* title, const char* kind) {
    draw_box(area.part(left(column), y, box, height), title, kind, m);
  };
  const auto between = [&](std::size_t column, std::size_t y, const char* from, const char* to, bool back) {
    draw_arrow(area.part(left(column) + box, y, gap, height), m, from, to, back);
  };
  place(0, 0, "device", "device");
  between(0, 0, "device", "uplink_filter", false);
  place(1, 0, "filter", "uplink_filter");
  between(1, 0, "uplink_filter", "intake", false);
  place(2, 0, "intake", "intake");
  between(2, 0, "intake", "teacher", false);
  place(3, 0, "teacher", "teacher");

  // Down on the right …
  bool deep = false;
  const live_flow labels = flow_between(m, "teacher", "distiller");
  const style down = labels.bytes_per_s.value_or(0) > 0 ? style::flow : style::dim;
  const std::size_t turn = left(3) + 1;
  area.put(turn, height, U'▼', down);
  std::size_t x = area.put(turn + 2, height, rate_of(labels), down);
  if (inner > 2) area.put(x + 1, height, depths_of(labels, m.of("distiller"), deep), style::dim);

  // … back below …
  place(3, lower, "distiller", "distiller");
  between(2, lower, "distiller", "compressor", true);
  place(2, lower, "compressor", "compressor");
  // What the compressor made goes through the distiller, which commits it as a version.
  between(1, lower, "distiller", "deployer", true);
  place(1, lower, "deployer", "deployer");

  // … and up on the left, to every device.
  const live_flow updates = flow_between(m, "deployer", "device");
  const style up = updates.bytes_per_s.value_or(0) > 0 ? style::flow : style::dim;
  const std::size_t rise = left(0) + 3;
  area.put(rise, height, U'▲', up);
  area.put(rise, lower, U'│', up);
  area.put(rise, lower + 1, U'╰', up);
  for (std::size_t i = rise + 1; i < left(1); ++i) area.put(i, lower + 1, U'─', up);
  area.put(rise + 2, lower, "updates", style::bold);
  area.put(rise + 10, lower, rate_of(updates), up);
  const std::string depths = depths_of(updates, m.of("device"), deep);
  area.put(rise + 2, lower + 2, depths, deep ? style::warn : style::dim);
}

}  // namespace freshet::cli
