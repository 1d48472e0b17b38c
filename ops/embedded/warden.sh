#!/bin/sh
# Ends the embedded servers when their supervisor is gone, also after kill -9: its standard input is a pipe that
# only the supervisor holds. Lines on it: "<signal> <pid>" watch a server, "WAIT <pid>" a process that stops by
# itself and should be let go first, "- <pid>" forget it. Started and restarted by warden.ts.
trap '' INT TERM HUP
watched=""
waited=""

without() {
  kept=""
  for entry in $1; do
    [ "${entry#*:}" = "$2" ] || kept="$kept $entry"
  done
  echo "$kept"
}

# A zombie, whose new parent has not looked yet, is gone for us.
any_alive() {
  for entry in $1; do
    kill -0 "${entry#*:}" 2>/dev/null || continue
    case "$(ps -o stat= -p "${entry#*:}" 2>/dev/null)" in
      Z*) ;;
      *) return 0 ;;
    esac
  done
  return 1
}

# Tenths of a second, as long as any of the processes is there.
wait_for() {
  tenths=0
  while [ "$tenths" -lt "$2" ] && any_alive "$1"; do
    sleep 0.1
    tenths=$((tenths + 1))
  done
}

kill_all() {
  for entry in $1; do
    kill -KILL "${entry#*:}" 2>/dev/null
  done
}

while read -r what pid; do
  case "$what" in
    -)
      watched=$(without "$watched" "$pid")
      waited=$(without "$waited" "$pid")
      ;;
    WAIT) waited="$waited WAIT:$pid" ;;
    *) watched="$watched $what:$pid" ;;
  esac
done

wait_for "$waited" 50
kill_all "$waited"
for entry in $watched; do
  kill -"${entry%%:*}" "${entry#*:}" 2>/dev/null
done
wait_for "$watched" 30
kill_all "$watched"
exit 0
