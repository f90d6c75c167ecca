# Runs "$@" and ends with its exit code. Prints its process id first. When standard input closes, as it
# does however the test process ends, the program is killed.
exec 3<&0
sh -c 'echo $$; exec "$@"' sh "$@" </dev/null 3<&- &
pid=$!
# A Ctrl-C reaches the whole process group: outlive it until the program is gone.
trap '' HUP INT TERM
{ read -r _ <&3; kill -9 $pid; } </dev/null >/dev/null 2>&1 &
watch=$!
exec 3<&- </dev/null >/dev/null 2>&1
wait $pid
code=$?
kill -9 $watch
wait $watch
exit $code
