export { EventFeed, type EventFeedOptions, type Follower } from './event-feed.js';
export { EventLog, type EventPage, type Front, type Reading } from './event-log.js';
export { type EventFilter, isWanted, type JobEvent, shown, type ToldEvent } from './job-event.js';
